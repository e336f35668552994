# Everything happens in .venv. Installation has two steps, because the requirements that AllenNLP
# itself states exclude every current release of PyTorch, transformers and spaCy.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

.PHONY: demo serve test check benchmark format clean

demo: $(INSTALLED)
	$(BIN)/python demo.py

serve: demo/model.tar.gz
	$(BIN)/allennlp serve --archive-path demo/model.tar.gz

demo/model.tar.gz:
	$(MAKE) demo

test: $(INSTALLED)
	$(BIN)/python -m pytest

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

clean:
	rm -rf .venv demo build *.egg-info .pytest_cache .mypy_cache .ruff_cache
