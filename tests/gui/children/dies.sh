#!/bin/sh
# Dies in the middle of a run.
head -n 2 "$HEADROOM_TEST_LINES"
echo 'something went very wrong' >&2
kill -SEGV $$
