# Short names for the commands of the README.

# The quickstart's text: a part of the Go installation's own source that keeps
# it quick. Any file, folder or glob will do.
CORPUS ?= $(shell go env GOROOT)/src/net

.PHONY: build build-xla test quickstart reference screenshots site release

build:
	go build -o bin/ablate ./cmd/ablate

# With the backends "xla:cpu" and "xla:cuda"; needs Linux and a C compiler.
build-xla:
	go build -tags xla -o bin/ablate ./cmd/ablate

quickstart: build
	bin/ablate run --chdir examples/coupling --var corpus="$(CORPUS)"

# Tests skip where a tool is missing that they need, such as Slurm or a browser.
# With ABLATE_REQUIRE set, a skipped test is a failure.
test:
ifdef ABLATE_REQUIRE
	scripts/test-strictly
else
	go test -timeout 20m ./...
endif

# The pictures of docs/images.
screenshots: build
	scripts/screenshots/run

reference: build
	bin/ablate metadata --markdown > docs/stages.md
	bin/ablate metadata --events --markdown > docs/json.md

# The documentation as a static site.
site:
	rm -rf dist/site
	go run ./scripts/site dist/site

# Archives, packages, wheels and their checksums, from the commit that is checked out.
release:
	rm -rf dist/release
	scripts/release dist/release
