// A click or a key on the head of a column sorts its table: first numbers from the largest and words
// from A, then the other way round, then as the report had them. What is unknown stays last.

for (const table of document.querySelectorAll("table.sortable")) {
  const rows = [...table.tBodies[0].rows];
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => sort(table, rows, heads, column));
  });
}

function sort(table, rows, heads, column) {
  const values = new Map(rows.map((row) => [row, valueOf(row.cells[column])]));
  const known = rows.filter((row) => values.get(row) !== null);
  const orders = known.some((row) => typeof values.get(row) === "string")
    ? ["ascending", "descending"] : ["descending", "ascending"];
  const order = orders[orders.indexOf(heads[column].ariaSort) + 1] ?? null; // after the second none
  if (order === null) {
    mark(heads, null, null);
    table.tBodies[0].append(...rows);
    return;
  }
  const sign = order === "ascending" ? 1 : -1;
  known.sort((a, b) => sign * compare(values.get(a), values.get(b)));
  mark(heads, column, order);
  table.tBodies[0].append(...known, ...rows.filter((row) => values.get(row) === null));
}

function mark(heads, column, order) {
  heads.forEach((head, other) => {
    if (other === column) head.ariaSort = order;
    else head.removeAttribute("aria-sort");
  });
}

/** A number, a text, or null for what is unknown. */
function valueOf(cell) {
  const text = cell.textContent;
  if (text === "–") return null;
  const number = Number(text.replaceAll(",", ""));
  return text.trim() === "" || Number.isNaN(number) ? text : number;
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}
