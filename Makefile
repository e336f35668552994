# Everything happens in .venv. Installation has two steps, because the requirements that AllenNLP
# itself states exclude every current release of PyTorch, transformers and spaCy.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed

CHROMIUM := /usr/bin/chromium /usr/bin/chromedriver

BIOME := $(BIN)/biome format --indent-style=space --line-width=120
SCRIPTS := $(wildcard bert_classification/*/page.js bert_classification/serving/static/*.js bert_classification/serving/static/tasks/*.js)

comma := ,
step = echo "Step $(1) ..."; begun=$$(date +%s); $(2) && echo "Step $(1): done in $$(($$(date +%s) - begun)) s"

# Without advertisements for other programs.
MKDOCS := NO_MKDOCS_2_WARNING=1 DISABLE_MKDOCS_2_WARNING=true $(BIN)/python -m mkdocs

.PHONY: demo serve test test-browser test-docs test-installation docs docs-serve check lint fuzz chaos release benchmark allennlp-tests format clean

demo: $(INSTALLED)
	$(BIN)/allennlp demo

serve: demo/model.tar.gz
	$(BIN)/allennlp serve --archive-path demo/model.tar.gz

demo/model.tar.gz:
	$(MAKE) demo

test: $(INSTALLED)
	$(BIN)/python -m pytest

# ARGS="--archives DIR" takes DIR/<task>.tar.gz in the place of tiny models; --pictures DIR says
# where the pictures go.
test-browser: .venv/browser $(CHROMIUM)
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/browser $(ARGS)

# Runs every code block of README and docs/, page by page, and the notebooks.
test-docs: .venv/docs
	$(BIN)/python -m pytest --dist load tests/docs $(ARGS)

# Builds the site into site/.
docs: .venv/docs
	$(MKDOCS) build --strict

docs-serve: .venv/docs
	$(MKDOCS) serve

check: lint test

# What the tests do not see: format and lint of Python and JavaScript, types.
lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIOME) $(SCRIPTS)

# ARGS="--examples 10000" tries so many of each kind.
fuzz: $(INSTALLED)
	$(BIN)/python -m pytest tests/fuzz $(or $(ARGS),--examples 2000)

# Kills trainings and attacks a server; ARGS of `python -m tests.chaos`.
chaos: $(INSTALLED)
	$(BIN)/python -m tests.chaos $(ARGS)
	$(BIN)/python -m tests.chaos.serving_load

# Installs what is built here in an empty directory, as the documentation says, and predicts.
# WAY is pip, uv, lowest or newest; ARGS of `python -m tests.installation`.
test-installation: .venv/release
	$(BIN)/python -m tests.installation $(or $(WAY),pip) $(ARGS)

# Builds both distributions, checks them, tries to install them by both ways, and says the rest.
release: .venv/release
	rm -rf dist
	$(BIN)/python -m build -o dist allennlp_compat
	$(BIN)/python -m build -o dist .
	$(BIN)/twine check --strict dist/*
	$(BIN)/python -m tests.installation pip --distributions dist $(ARGS)
	$(BIN)/python -m tests.installation uv --distributions dist $(ARGS)
	@echo
	@echo "What is in dist/ is well. To publish it: $(BIN)/twine upload dist/*"

benchmark: $(INSTALLED)
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e ./allennlp_compat -e '.[demo,benchmark]'
	$(BIN)/python -m benchmarks $(OPTIONS)

# AllenNLP's own tests, and what it names of other libraries. ALLENNLP_SOURCE="DIR DIR" are the
# repositories of allennlp and allennlp-models at 2.10.1, unpacked.
allennlp-tests: $(INSTALLED)
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e './allennlp_compat[models,tests]'
	$(BIN)/python -m tests.allennlp_own.removals
	$(BIN)/python -m tests.allennlp_own $(ALLENNLP_SOURCE) $(ARGS)

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIOME) --write $(SCRIPTS)

# pip shows what it downloads; a line says how long each step took.
$(INSTALLED): setup.py allennlp_compat/pyproject.toml constraints.txt
	@$(call step,1 of 3: a virtual environment in .venv,$(PYTHON) -m venv .venv)
	@$(call step,2 of 3: PyTorch and transformers and what else is needed,$(BIN)/pip install --disable-pip-version-check -c constraints.txt -e ./allennlp_compat -e '.[demo$(comma)dev]')
	@$(call step,3 of 3: AllenNLP,$(BIN)/pip install --disable-pip-version-check -q --no-deps -c constraints.txt allennlp allennlp-models)
	touch $@

.venv/browser: $(INSTALLED)
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e ./allennlp_compat -e '.[browser]'
	touch $@

.venv/release: $(INSTALLED)
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e ./allennlp_compat -e '.[release]'
	touch $@

.venv/docs: $(INSTALLED)
	$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e ./allennlp_compat -e '.[docs]'
	touch $@

$(CHROMIUM):
	@test "$$(id -u)" = 0 || { echo "Chromium is missing. As root: apt-get install chromium chromium-driver"; exit 1; }
	apt-get update -q
	apt-get install -q -y --no-install-recommends chromium chromium-driver

clean:
	rm -rf .venv demo site build dist *.egg-info allennlp_compat/build allennlp_compat/*.egg-info .pytest_cache .mypy_cache .ruff_cache
