/* What a page of numbers gains from a program: tables that sort, and a choice of class and age. Without it all is shown. */
(() => {
  "use strict";

  const HIDDEN = /^(suppressed|not |–|-|$)/;

  /** The cell of a row that lies in a column, however many columns the cells before it take. */
  const cellAt = (row, column) => {
    let at = 0;
    for (const cell of row.cells) {
      at += cell.colSpan;
      if (column < at) return cell;
    }
    return null;
  };

  /** What a cell is sorted by: a number, else its words; null for what is not there, which comes last either way. */
  const keyOf = (row, column) => {
    const cell = cellAt(row, column);
    const text = (cell ? cell.textContent : "").trim().replace(/\s+/g, " ");
    if (HIDDEN.test(text)) return null;
    const number = text.replace(/^[<>]/, "").replace("−", "-").match(/^-?[\d,]*\.?\d+/);
    return number ? Number(number[0].replaceAll(",", "")) : text.toLowerCase();
  };

  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en");

  /** Sort within each group of rows; without a direction the rows lie as they were written. */
  const sortRows = (table, column, direction) => {
    for (const body of table.tBodies) {
      const rows = [...body.rows].filter((row) => !row.querySelector('th[scope="rowgroup"]'));
      rows.sort((a, b) => {
        const [first, second] = [a, b].map((row) => (direction ? keyOf(row, column) : Number(row.dataset.place)));
        if (first === null || second === null) return (first === null) - (second === null);
        return compare(first, second) * (direction || 1) || Number(a.dataset.place) - Number(b.dataset.place);
      });
      body.append(...rows);
    }
  };

  const DIRECTIONS = { none: ["ascending", 1], ascending: ["descending", -1], descending: ["none", 0] };

  const makeSortable = (table) => {
    const heads = table.tHead && table.tHead.rows.length === 1 ? [...table.tHead.rows[0].cells] : [];
    if (![...table.tBodies].some((body) => body.rows.length > 2)) return;
    for (const body of table.tBodies) [...body.rows].forEach((row, place) => { row.dataset.place = place; });
    let column = 0;
    for (const head of heads) {
      const own = column;
      column += head.colSpan;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.title = "Sort by this column";
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const [state, direction] = DIRECTIONS[head.getAttribute("aria-sort")];
        for (const other of heads) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", state);
        sortRows(table, own, direction);
      });
    }
  };

  /** Marks of figures and rows of tables that are of another class or age than the one chosen step back. */
  const choose = (form) => {
    const wanted = { exposure: form.elements.exposure.value, age: form.elements.age.value };
    for (const [name, value] of Object.entries(wanted)) {
      for (const one of document.querySelectorAll(`[data-${name}]`)) {
        one.classList.toggle(`off-${name}`, value !== "" && one.dataset[name] !== value);
      }
    }
    const told = ["exposure", "age"].map((name) => form.elements[name].selectedOptions[0].textContent);
    form.querySelector("output").textContent = `Shown: ${told.join(", ")}.`;
  };

  for (const table of document.querySelectorAll("table")) makeSortable(table);
  const form = document.getElementById("show");
  if (form) {
    form.hidden = false;
    form.addEventListener("change", () => choose(form));
    form.addEventListener("reset", () => setTimeout(() => choose(form)));
    form.addEventListener("submit", (event) => event.preventDefault());
  }
})();
