"""FoCus: where is the forgery, learnt from labels of whole pictures alone."""
