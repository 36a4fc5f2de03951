// SPDX-License-Identifier: GPL-2.0
/*
 * A program for gnuplot with the figures in it, which draws them as SVG on its
 * standard output.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "report.h"

/**
 * struct panel - one of the diagrams
 * @load: the workload
 * @axis: what is to the right, a number; NULL: a bar for each peer
 * @figure: what is upwards
 * @shape: of a stream, or NULL
 * @title: what stands above
 */
struct panel {
	const char	*load;
	const char	*axis;
	const char	*figure;
	const char	*shape;
	const char	*title;
};

static const struct panel panels[] = {
	{ "sizes", "size", "ns", NULL, "write + read, by bytes" },
	{ "batch", "batch", "ns", NULL, "by messages a call" },
	{ "depth", "depth", "ns", NULL, "by messages stored" },
	{ "stream", NULL, "rate", "1-1", "messages a second, 1 to 1" },
	{ "stream", NULL, "rate", "N-N", "messages a second, N to N" },
	{ "pingpong", NULL, "p50", NULL, "there and back, median, ns" },
};

static bool plotted(struct json_object *o, const struct panel *panel)
{
	if (panel->shape && strcmp(member_text(o, "shape"), panel->shape))
		return false;
	return member_number(o, panel->figure) > 0;
}

/* The peer, and whether it does batches where that is not the axis. */
static void label(struct json_object *o, const struct panel *panel, char *text,
		  size_t size)
{
	double batch = member_number(o, "batch");

	if (batch > 1 && (!panel->axis || strcmp(panel->axis, "batch")))
		snprintf(text, size, "%s x%.0f", member_text(o, "peer"),
			 batch);
	else
		snprintf(text, size, "%s", member_text(o, "peer"));
}

/* A peer's figures stand together, so a new label begins a new block. */
static size_t print_lines(struct json_object *reports,
			  const struct panel *panel, size_t number)
{
	struct cursor cursor = { .reports = reports, .load = panel->load };
	char seen[32] = "", text[32];
	struct json_object *o;
	size_t lines = 0;

	printf("$panel%zu << END\n", number);
	while ((o = next_result(&cursor))) {
		if (!plotted(o, panel))
			continue;
		label(o, panel, text, sizeof(text));
		if (panel->axis && strcmp(seen, text)) {
			printf("%s\"%s\"\n", lines ? "\n\n" : "", text);
			strcpy(seen, text);
			lines++;
		}
		if (panel->axis) {
			printf("%s %s\n", member_text(o, panel->axis),
			       member_text(o, panel->figure));
		} else {
			printf("%zu \"%s\" %s\n", lines++, text,
			       member_text(o, panel->figure));
		}
	}
	puts("END");
	return lines;
}

static void print_panel(struct json_object *reports, const struct panel *panel,
			size_t number)
{
	size_t lines = print_lines(reports, panel, number);

	printf("set title '%s'\n", panel->title);
	if (!lines) {
		puts("set multiplot next");
	} else if (panel->axis) {
		printf("set logscale xy\nset key outside right\n"
		       "plot for [i=0:%zu] $panel%zu index i using 1:2 with "
		       "linespoints title columnheader(1)\n"
		       "unset logscale\n", lines - 1, number);
	} else {
		printf("unset key\nset xtics rotate by -40\nset yrange [0:*]\n"
		       "plot $panel%zu using 1:3:(0.7):xtic(2) with boxes\n"
		       "set xtics norotate autofreq\nset yrange [*:*]\n",
		       number);
	}
}

void show_plot(struct json_object *reports)
{
	size_t i;

	puts("set terminal svg size 1200,1350 font 'sans,12' background "
	     "'white'\nset style fill solid 0.5\nset grid\n"
	     "set multiplot layout 3,2");
	for (i = 0; i < ARRAY_SIZE(panels); i++)
		print_panel(reports, &panels[i], i);
	puts("unset multiplot");
}
