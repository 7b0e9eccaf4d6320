// Scores of the site's search: a heading that holds the words of the query in their order comes first.
const HEADING_WITH_QUERY = 15;

const queryOfPage = () =>
  (new URLSearchParams(window.location.search).get("q") || "").trim().toLowerCase();

var Scorer = {
  score: ([, title, , , score]) =>
    title.toLowerCase().includes(queryOfPage()) ? score + HEADING_WITH_QUERY : score,
  // Sphinx's own numbers.
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
