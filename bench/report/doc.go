// Package report makes one page of a folder of results: the answer first, then what the project set out to reach, what changes of
// routes cost, plots, the capacity plan's error, other machines, the changes since the run before, peers, and every point with the
// command that measures it again.
//
//	results/samples-*.jsonl   --+                  +--> report.html   one file: no network, light and dark, prints
//	results/gobench-*.txt       +--Open--> Book ---+--> REPORT.md     the same but for the plots
//	results/peers-*.txt, .json -+                  +--> answer.svg    the answer's picture, for documents
//	                                               +--> the marked section of a document: the README
//
// # Where figures are from
//
// No figure is typed by hand, and none is printed without its place. Each element of the page that shows one has data-from (the
// places of the raw values, "FILE:LINE/figures/rate" or "FILE#BENCHMARK#UNIT"), data-how (what was made of them), data-value, -low,
// -high and data-scale (what the text multiplies them by); marks of plots also have data-at, the height that they are drawn at. The
// package's tests look all of them up in the files, and open the page in Chromium.
//
// # Runs
//
// Samples belong to runs (sample.Sample.Run), and runs to machines (sample.Machine). The newest is shown; the one before of the same
// machine, if any, is what it is compared with. A point got faster or slower where the intervals of both have nothing in common. Of
// each other machine the newest run has a row and its charts of workers. The plan's model is of each of these runs by itself.
//
// # Plots
//
// They are drawn here, as SVG in the page: the drawings of gonum.org/v1/plot have their colours, sizes and fonts fixed, know
// nothing of dark pages or phones, and leave no place for the data of a mark. The colours are those of Okabe and Ito
// ("Color Universal Design", 2008), lighter on dark paper; shapes tell curves apart as well.
package report
