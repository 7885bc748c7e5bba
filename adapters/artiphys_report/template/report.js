"use strict";
// The unit tables, and light or dark. Each table is made of the CSV that its link holds: it sorts all
// of its rows, and shows the first of them.
(() => {
  const root = document.documentElement;
  const theme = document.getElementById("theme");
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches);
  const name = () => { theme.textContent = isDark() ? "Light page" : "Dark page"; };
  theme.hidden = false;
  theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; name(); });
  prefersDark.addEventListener("change", name);
  name();

  const bytesOf = (link) =>
    Uint8Array.from(atob(link.getAttribute("href").split(",")[1]), (c) => c.charCodeAt(0));

  const parsed = (text) => {  // RFC 4180
    const rows = [];
    let row = [], field = "", quoted = false;
    for (let at = 0; at < text.length; at++) {
      const c = text[at];
      if (quoted) {
        if (c !== '"') field += c;
        else if (text[at + 1] === '"') { field += c; at++; }
        else quoted = false;
      } else if (c === '"') quoted = true;
      else if (c === ",") { row.push(field); field = ""; }
      else if (c === "\n") { row.push(field); rows.push(row); row = []; field = ""; }
      else field += c;
    }
    return rows;
  };

  const number = (text) => (text === "" ? NaN : Number(text.replace("inf", "Infinity")));

  const shown = (text) => {  // as the page's maker spells numbers
    const value = number(text), size = Math.abs(value);
    if (Number.isNaN(value)) return "";
    let spelt;
    if (size === Infinity) spelt = "∞";
    else if (Number.isInteger(size) && size < 1e15) spelt = size.toFixed(0);
    else if (size >= 999.5) spelt = size < 1e15 ? size.toFixed(0) : size.toExponential(2);
    else if (size >= 1e-3) spelt = size.toPrecision(3);
    else spelt = size.toExponential(2);
    spelt = spelt.replace(/e([+-])(\d)$/, "e$10$2").replace("e-", "e−").replace("e+", "e");
    return (value < 0 ? "−" : "") + spelt;
  };

  const collator = new Intl.Collator("en", { numeric: true });

  for (const section of document.querySelectorAll("[data-units]")) {
    const link = section.querySelector("a[download]");
    const more = section.querySelector("[data-more]");
    const status = section.querySelector("[role=status]");
    const heads = [...section.querySelectorAll("th")];
    const body = section.querySelector("tbody");
    const step = Number(section.dataset.units);
    let rows = null, order = null, limit = step;

    const load = () => {  // when first needed
      if (rows) return;
      rows = parsed(new TextDecoder().decode(bytesOf(link))).slice(1);
      order = rows.map((_, at) => at);
    };

    const fill = () => {
      const fragment = document.createDocumentFragment();
      for (const at of order.slice(0, limit)) {
        const line = document.createElement("tr");
        rows[at].forEach((text, column) => {
          const isNumber = heads[column].classList.contains("number");
          const cell = document.createElement("td");
          if (isNumber) cell.className = "number";
          cell.textContent = isNumber ? shown(text) : text;
          line.append(cell);
        });
        fragment.append(line);
      }
      body.replaceChildren(fragment);
      const n = Math.min(limit, rows.length);
      status.textContent = `Showing ${n} of ${rows.length} rows.`;
      more.hidden = n === rows.length;
    };

    const sort = (column) => {
      load();
      const head = heads[column];
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((each) => each.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const isNumber = head.classList.contains("number");
      const keys = rows.map((row) => (isNumber ? number(row[column]) : row[column]));
      const blank = (key) => key === "" || Number.isNaN(key);
      order = rows.map((_, at) => at).sort((a, b) => {
        if (blank(keys[a]) || blank(keys[b])) return blank(keys[a]) - blank(keys[b]);  // last
        const way = isNumber
          ? (keys[a] > keys[b]) - (keys[a] < keys[b]) : collator.compare(keys[a], keys[b]);
        return down ? -way : way;
      });
      limit = step;
      fill();
    };

    heads.forEach((head, column) =>
      head.querySelector("button").addEventListener("click", () => sort(column)));
    more.addEventListener("click", () => { load(); limit += 5 * step; fill(); });
    more.hidden = !more.dataset.more;

    link.addEventListener("click", (event) => {  // some browsers refuse long data addresses
      event.preventDefault();
      const address = URL.createObjectURL(new Blob([bytesOf(link)], { type: "text/csv" }));
      const away = document.createElement("a");
      away.href = address;
      away.download = link.download;
      away.click();
      setTimeout(() => URL.revokeObjectURL(address), 10000);
    });
  }
})();
