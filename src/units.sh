#!/bin/sh
# units.sh FOLDER NAME SIZE SOURCE...     FOLDER and sources relative to the current folder
# Writes FOLDER/NAME_1.cpp, FOLDER/NAME_2.cpp, ..., each of which includes up to SIZE of the sources,
# and prints NAME_1 NAME_2 ...: the units a layer is compiled in. A compiler spends most of its time on
# what sources share (headers, instances of the same templates), so a unit of many sources takes little
# longer than a few of them alone. A unit that would not change keeps its modification time.
set -eu
folder=$1 name=$2 size=$3
shift 3
mkdir -p "$folder"
up=$(echo "$folder" | sed 's|[^/]*|..|g')
number=0
while [ $# -gt 0 ]; do
	number=$((number + 1))
	unit=$folder/${name}_$number.cpp
	taken=0
	: > "$unit.$$"
	while [ $# -gt 0 ] && [ $taken -lt "$size" ]; do
		echo "#include \"$up/$1\"" >> "$unit.$$"
		taken=$((taken + 1))
		shift
	done
	if cmp -s "$unit.$$" "$unit"; then rm "$unit.$$"; else mv "$unit.$$" "$unit"; fi
	echo "${name}_$number"
done
