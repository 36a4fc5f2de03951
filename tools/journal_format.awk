# SPDX-License-Identifier: GPL-2.0
#
# The format of a journal is described once, in kernel/journal/format.h. This makes
# of its structures, with their comments, the functions and tables with which
# journal_format.c prints them for devmq-journal(5). So what that page says of
# offsets and sizes is the compiler's.

function quoted(text)
{
	gsub(/\\/, "\\\\", text)
	gsub(/"/, "\\\"", text)
	gsub(/\n/, "\\n", text)
	return "\"" text "\""
}

function described(name, type)
{
	if (name in text)
		return text[name]
	if (type ~ /^struct /)
		return "what each record begins with"
	return "0"
}

function member(type, name, dimension)
{
	if (name in seen)
		return
	seen[name]
	print "\trow(offsetof(struct " kind ", " name "), sizeof(((struct " kind \
		" *)0)->" name (dimension == "[]" ? "[0]" : "") "),", \
		quoted(name dimension) ", " quoted(type) ", " \
		quoted(described(name, type)) ");"
}

function forget(    name)
{
	for (name in text)
		delete text[name]
	for (name in seen)
		delete seen[name]
	last = rest = ""
}

/^#define MQ_J_[A-Z_]+[ \t]+[0-9(]/ { values[$2] }

# A comment on a structure or an enumeration.
/^\/\*\*/ { forget(); doc = 1; next }
doc && /^ \* (struct|enum) [a-z_]+ - / { next }
doc && /^ \* @/ {
	last = $2
	gsub(/[@:]/, "", last)
	sub(/^ \* @[A-Za-z_0-9]+: /, "")
	text[last] = $0
	next
}
doc && /^ \*$/ { last = ""; rest = rest (rest == "" ? "" : "\n.PP\n"); next }
doc && /^ \*\// { doc = 0; next }
doc && last != "" { sub(/^ \*[ \t]+/, ""); text[last] = text[last] " " $0; next }
doc { sub(/^ \* /, ""); rest = rest (rest == "" || rest ~ /\n$/ ? "" : " ") $0; next }

/^struct [a-z_]+ \{/ {
	kind = $2
	names[kind]
	print "static void show_" kind "(void)\n{\n\tbegin(\"Offset\\tSize\\tMember\\tMeaning\");"
	inside = "struct"
	next
}
/^enum [a-z_]+ \{$/ {
	kind = $2
	names[kind]
	print "static void show_" kind "(void)\n{\n\tbegin(\"Value\\t\\tName\\tMeaning\");"
	inside = "enum"
	next
}
inside && /^\};/ {
	print "\tend(" (inside == "struct" ? "sizeof(struct " kind ")" : 0) ", " \
		quoted(rest) ");\n}\n"
	inside = ""
}
inside == "struct" {
	type = $1 == "struct" ? $1 " " $2 : $1
	name = $NF
	sub(/;$/, "", name)
	dimension = ""
	if (match(name, /\[.*\]/)) {
		dimension = substr(name, RSTART)
		name = substr(name, 1, RSTART - 1)
	}
	member(type, name, dimension)
}
inside == "enum" {
	name = $1
	sub(/,$/, "", name)
	print "\tvalue(" name ", " quoted(name) ", " quoted(text[name]) ");"
}

END {
	print "static const struct shown shown[] = {"
	for (name in names)
		print "\t{ \"" name "\", show_" name " },"
	print "\t{ NULL, NULL },\n};"
	print "static const struct number numbers[] = {"
	for (name in values)
		print "\t{ \"" name "\", " name " },"
	print "\t{ NULL, 0 },\n};"
}
