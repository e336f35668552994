# Everything happens in .venv. Installation has two steps, because the requirements that AllenNLP
# itself states exclude every current release of PyTorch, transformers and spaCy.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

CHROMIUM := /usr/bin/chromium /usr/bin/chromedriver

.PHONY: demo serve test test-browser check benchmark format clean

demo: $(INSTALLED)
	$(BIN)/python demo.py

serve: demo/model.tar.gz
	$(BIN)/allennlp serve --archive-path demo/model.tar.gz

demo/model.tar.gz:
	$(MAKE) demo

test: $(INSTALLED)
	$(BIN)/python -m pytest

# ARGS="--archives DIR" takes DIR/<task>.tar.gz in the place of tiny models; --pictures DIR says
# where the pictures go.
test-browser: .venv/browser $(CHROMIUM)
	$(BIN)/python -m pytest -n 0 tests/browser $(ARGS)

check: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

benchmark: $(INSTALLED)
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e '.[demo,benchmark]'
	$(BIN)/python -m benchmarks $(OPTIONS)

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(INSTALLED): setup.py constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e '.[demo,dev]'
	$(BIN)/pip install --disable-pip-version-check -q --no-deps -c constraints.txt allennlp allennlp-models
	touch $@

.venv/browser: $(INSTALLED)
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e '.[browser]'
	touch $@

$(CHROMIUM):
	@test "$$(id -u)" = 0 || { echo "Chromium is missing. As root: apt-get install chromium chromium-driver"; exit 1; }
	apt-get update -q
	apt-get install -q -y --no-install-recommends chromium chromium-driver

clean:
	rm -rf .venv demo build *.egg-info .pytest_cache .mypy_cache .ruff_cache
