# SPDX-License-Identifier: GPL-2.0
# devmq: message queues as device files
#
#   make            the module, the library and the tools
#   make demo       see it work, in a virtual machine
#   make shell      the module and mqctl to try by hand, there as well
#   make check      all tests, in a virtual machine (TESTS="a_test b_test.sh": only
#                   these; TESTS=quick: a few that meet most of it)
#   make check-debug      the same with a debug kernel (6.12-debug, or KERNEL)
#   make check-boot       a machine with systemd: queues after a power cut, as root
#   make check-pressure   a journal in a machine that has no memory left
#   make crash      what power cuts leave of a journal, at N points (300): two minutes
#   make fuzz-journal     any bytes are read as a journal, for SECONDS (600), with clang
#   make check-releases   demo and quick tests on other releases of Debian
#   make gates      the checks of style, of documents, and of the models
#   make bench      devmq and its peers measured side by side, there as well
#   make install    the module (through DKMS where it is there), library, tools,
#                   and what is to be read
#   make uninstall  takes all of it away, and all older versions of the module
#   make help       this
#
# demo, shell, check, bench and gates install what they need; the others install
# nothing, and say what is missing.
#
# KDIR     the kernel to build the module for: a build directory of its headers
#          (default: the running kernel's, else the newest installed, else the
#          one that demo or check has fetched; to install: the running kernel's)
# KERNEL   the kernel that demo, shell and check boot: distro, 6.1, 6.12, 7.2,
#          6.12-debug, ... (see selftests/vm/README; default: distro, the cloud
#          kernel of this Debian release)
# BUILD    where the module is built (default: build/RELEASE)
# PREFIX, DOCDIR, DESTDIR  where install puts things (default: /usr/local,
#          PREFIX/share/doc/devmq, nothing)

MAKEFLAGS += --no-print-directory
SHELL := /bin/bash

VERSION := 0.1
PREFIX ?= /usr/local
DOCDIR ?= $(PREFIX)/share/doc/devmq
KERNEL ?= distro
export PREFIX DESTDIR

vm := selftests/vm
kdir_given := $(KDIR)
# Both are found out once, when they are needed.
ifndef KDIR
KDIR = $(eval KDIR := $$(shell $(vm)/kdir))$(KDIR)
endif
release = $(eval release := $$(shell cut -s -d\" -f2 $(KDIR)/include/generated/utsrelease.h 2>/dev/null))$(release)
BUILD ?= build/$(release)
sources := $(wildcard kernel/*.[ch] kernel/*/*.[ch]) kernel/Kbuild uapi/linux/devmq.h Kbuild

all: module lib tools

help:
	@sed -n '2,/^$$/s/^# \{0,1\}//p' Makefile

deps:
	@$(vm)/deps -n build

# The kernel's makefiles take no path with a space or a colon in it.
usable = case "$$(realpath -m -- "$(1)")" in *[[:space:]:]*) \
	echo "make: the kernel's makefiles cannot build in '$$(realpath -m -- "$(1)")':" \
		"it has a space or a colon in its name" >&2; exit 1 ;; esac

path:
	@$(call usable,build)

# The kernel builds next to the sources, so each kernel gets its own copy.
module: deps
	@test -n "$(release)" || { test -z "$(KDIR)" || echo "make: '$(KDIR)' has no kernel to build for; set KDIR" >&2; exit 1; }
	@$(call usable,$(BUILD))
	@mkdir -p $(BUILD)
	@cp -ru --parents $(sources) $(BUILD)
	@$(MAKE) -C $(KDIR) M=$(abspath $(BUILD)) $(KFLAGS) modules
	@echo "module: $(BUILD)/kernel/devmq.ko"

lib: deps
	@$(MAKE) -C lib all

tools: lib
	@$(MAKE) -C tools all

demo: path
	@selftests/tick selftests/demo

# Not through tick: it is typed into.
shell: path
	@selftests/demo shell

check: path
	@selftests/tick selftests/check $(KERNEL)

bench: path
	@selftests/tick selftests/bench

crash: path
	@selftests/tick selftests/crash/check $(N)

fuzz-journal: path
	@selftests/tick selftests/journal/fuzz $(SECONDS)

check-debug: path
	@selftests/tick selftests/check $(if $(filter %-debug,$(KERNEL)),$(KERNEL),6.12-debug)

check-boot: path
	@selftests/tick selftests/boot

check-pressure: path
	@selftests/tick selftests/pressure

check-releases: path
	@selftests/tick selftests/releases

gates: path
	@selftests/tick selftests/gates

# For the kernel that runs, or the one that KDIR says, and for no other.
headers:
	@test -n "$(kdir_given)" || $(vm)/kdir -r >/dev/null

install: headers
	@$(MAKE) all
	@$(MAKE) -C lib install
	@$(MAKE) -C tools install
	install -d $(DESTDIR)$(DOCDIR)/examples
	install -m 644 README CHANGES $(DESTDIR)$(DOCDIR)
	install -m 644 lib/examples/*.c $(DESTDIR)$(DOCDIR)/examples
	@tools/packaging/module install $(VERSION) $(KDIR) $(BUILD)

uninstall:
	@tools/packaging/module uninstall
	@rm -rf $(DESTDIR)$(DOCDIR)
	@$(MAKE) -s -C tools uninstall
	@$(MAKE) -s -C lib uninstall
	@echo "devmq is removed from $(or $(DESTDIR)$(PREFIX),/)"

clean:
	@rm -rf build
	@$(MAKE) -C lib clean
	@$(MAKE) -C tools clean
	@$(MAKE) -C selftests clean

.PHONY: all help path deps module lib tools demo shell check bench crash fuzz-journal check-debug check-boot \
	check-pressure check-releases gates headers install uninstall clean
