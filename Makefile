# Every command is one of tools/bootstrap.py, for machines without make too: `make help` lists them.
PYTHON = python3
ARGS =

help setup demo test test-all check bench chaos fuzz clean:
	@$(PYTHON) tools/bootstrap.py $@ $(ARGS)

.PHONY: help setup demo test test-all check bench chaos fuzz clean
