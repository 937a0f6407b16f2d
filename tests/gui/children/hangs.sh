#!/bin/sh
# Starts, then neither speaks nor listens.
trap '' TERM INT
head -n 1 "$HEADROOM_TEST_LINES"
while :; do sleep 1; done
