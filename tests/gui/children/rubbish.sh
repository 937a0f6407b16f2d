#!/bin/sh
# Speaks no JSON lines.
printf 'hello\n{"event":"step"}\n\000\377\376 binary\n{"event":"end","measurement":7}\n[1,2\n'
exit 0
