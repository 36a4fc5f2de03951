# SPDX-License-Identifier: GPL-2.0
# devmq: message queues as device files
#
#   make            the module, the library and the tools
#   make demo       see it work, in a virtual machine
#   make check      all tests, in a virtual machine
#   make bench      devmq and its peers measured side by side, there as well
#   make install    the module (through DKMS where it is there), library, tools
#
# KDIR     the kernel to build the module for: a build directory of its headers
#          (default: the running kernel's, else the newest installed, else
#          Debian's 6.1)
# KERNEL   the kernel that demo and check boot: 6.1, 6.12, 6.1-debug, ... (see
#          selftests/vm/README)
# BUILD    where the module is built (default: build/RELEASE)
# PREFIX, DESTDIR  where install puts things (default: /usr/local, nothing)

MAKEFLAGS += --no-print-directory
SHELL := /bin/bash

VERSION := 0.1
PREFIX ?= /usr/local
KERNEL ?= 6.1
export PREFIX DESTDIR

vm := selftests/vm
KDIR ?= $(shell $(vm)/kdir)
release = $(shell cut -s -d\" -f2 $(KDIR)/include/generated/utsrelease.h 2>/dev/null)
BUILD ?= build/$(release)
sources := $(wildcard kernel/*.[ch]) kernel/Kbuild uapi/linux/devmq.h Kbuild

all: module lib tools

deps:
	@if [ -x $(vm)/deps ]; then $(vm)/deps build; fi

# The kernel builds next to the sources, so each kernel gets its own copy.
module: deps
	@test -n "$(release)" || { echo "make: '$(KDIR)' has no kernel to build for; set KDIR" >&2; exit 1; }
	@mkdir -p $(BUILD)
	@cp -ru --parents $(sources) $(BUILD)
	@$(MAKE) -C $(KDIR) M=$(abspath $(BUILD)) $(KFLAGS) modules
	@echo "module: $(BUILD)/kernel/devmq.ko"

lib: deps
	@$(MAKE) -C lib all

tools: lib
	@$(MAKE) -C tools all

demo:
	@selftests/demo

check:
	@selftests/check $(KERNEL)

bench:
	@selftests/bench

check-debug:
	@selftests/check 6.1-debug

gates:
	@selftests/gates

install: all
	@$(MAKE) -C lib install
	@$(MAKE) -C tools install
	@tools/packaging/module install $(VERSION) $(KDIR) $(BUILD)

uninstall:
	@tools/packaging/module uninstall $(VERSION) $(KDIR) $(BUILD)
	@$(MAKE) -C tools uninstall
	@$(MAKE) -C lib uninstall

clean:
	@rm -rf build
	@$(MAKE) -C lib clean
	@$(MAKE) -C tools clean
	@$(MAKE) -C selftests clean

.PHONY: all deps module lib tools demo check bench check-debug gates install \
	uninstall clean
