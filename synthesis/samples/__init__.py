"""The recording and the head motion that ship with the product."""
