#!/bin/sh
# SPDX-FileCopyrightText: 2026 The jetstream.governor team
# SPDX-License-Identifier: GPL-3.0-or-later
echo "$# words: $*"
test $# -gt 0
