// SPDX-License-Identifier: GPL-2.0
/*
 * A program for gnuplot with the figures in it, which draws them as SVG on its
 * standard output.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "plot.h"
#include "report.h"

/**
 * struct panel - one of the diagrams
 * @load: the workload
 * @axis: the member on the x axis, a number; NULL: a bar for each peer
 * @figure: the member on the y axis
 * @shape: of a stream, or NULL
 * @title: the title
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

#define LABELS_MAX	32

/* The name of a line or a bar. */
struct label {
	char text[32];
};

static bool plotted(struct json_object *o, const struct panel *panel)
{
	if (panel->shape && strcmp(member_text(o, "shape"), panel->shape))
		return false;
	return member_number(o, panel->figure) > 0;
}

/* The peer, and the size of its batches unless that is the x axis. */
static void label_of(struct json_object *o, const struct panel *panel,
		     struct label *label)
{
	double batch = member_number(o, "batch");

	if (batch > 1 && (!panel->axis || strcmp(panel->axis, "batch")))
		snprintf(label->text, sizeof(label->text), "%s x%.0f",
			 member_text(o, "peer"), batch);
	else
		snprintf(label->text, sizeof(label->text), "%s",
			 member_text(o, "peer"));
}

/* Find the labels of a panel. Returns how many there are. */
static size_t find_labels(struct json_object *reports,
			  const struct panel *panel, struct label *labels)
{
	struct cursor cursor = { .reports = reports, .load = panel->load };
	struct json_object *o;
	size_t count = 0, i;
	struct label l;

	while ((o = next_result(&cursor))) {
		if (!plotted(o, panel))
			continue;
		label_of(o, panel, &l);
		for (i = 0; i < count && strcmp(labels[i].text, l.text); i++)
			;
		if (i == count && count < LABELS_MAX)
			labels[count++] = l;
	}
	return count;
}

/* The points of a line, with its label above, or the point of a bar. */
static void print_points(struct json_object *reports,
			 const struct panel *panel, const struct label *label,
			 size_t place)
{
	struct cursor cursor = { .reports = reports, .load = panel->load };
	struct json_object *o;
	struct label l;

	if (panel->axis)
		printf("\"%s\"\n", label->text);
	while ((o = next_result(&cursor))) {
		if (!plotted(o, panel))
			continue;
		label_of(o, panel, &l);
		if (strcmp(l.text, label->text))
			continue;
		if (panel->axis)
			printf("%s", member_text(o, panel->axis));
		else
			printf("%zu \"%s\"", place, label->text);
		printf(" %s\n", member_text(o, panel->figure));
	}
	if (panel->axis)
		printf("\n\n");
}

static size_t print_lines(struct json_object *reports,
			  const struct panel *panel, size_t number)
{
	struct label labels[LABELS_MAX];
	size_t count = find_labels(reports, panel, labels), i;

	printf("$panel%zu << END\n", number);
	for (i = 0; i < count; i++)
		print_points(reports, panel, &labels[i], i);
	puts("END");
	return count;
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
