"use strict";
// The table is complete without this script, which adds sorting, filtering and the start of clips.
(() => {
  const table = document.querySelector("table.episodes");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const form = document.getElementById("filter");
  const search = document.getElementById("search");
  const outcome = document.getElementById("outcome");
  const category = document.getElementById("category");
  const count = document.getElementById("count");
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const fits = words.every((word) => texts.get(row).includes(word))
        && (!outcome.value || row.dataset.outcome === outcome.value)
        && (!category.value || row.dataset.category === category.value);
      row.hidden = !fits;
      shown += fits;
    }
    count.value = `${shown} of ${rows.length} shown`;
  }

  function key(row, column, kind) {
    const text = row.cells[column].textContent;
    return kind === "number" ? parseFloat(text) : text;
  }

  function compare(a, b, kind) {
    if (kind === "text") return a.localeCompare(b, "en", { numeric: true });
    // Rows without a value come last in both directions.
    return (Number.isNaN(a) - Number.isNaN(b)) || a - b;
  }

  function sort(head, column, kind) {
    const ascending = head.getAttribute("aria-sort") !== "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const keys = new Map(rows.map((row) => [row, key(row, column, kind)]));
    const order = rows.slice().sort((one, two) => {
      const a = keys.get(one), b = keys.get(two);
      const known = kind === "text" || (!Number.isNaN(a) && !Number.isNaN(b));
      return compare(a, b, kind) * (ascending || !known ? 1 : -1);
    });
    body.append(...order);
  }

  Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
    const kind = head.dataset.sort;
    if (!kind) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sort(head, column, kind));
    head.append(button);
  });
  for (const details of document.querySelectorAll(".gallery details")) {
    const video = details.querySelector("video");
    details.addEventListener("toggle", () => {
      // A browser may refuse to start by itself; the controls are there for that.
      if (details.open) video.play().catch(() => {});
      else video.pause();
    });
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const control of [search, outcome, category]) control.addEventListener("input", filter);
  form.hidden = false;
  filter();
})();
