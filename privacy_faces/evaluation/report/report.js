"use strict";
// The page is whole without this: tables become sortable, subgroups are chosen, and the faces before and after lie over each other under a slider.
document.documentElement.classList.add("js");
for (const slider of document.querySelectorAll(".slide"))
  slider.addEventListener("input", () => slider.parentElement.style.setProperty("--at", slider.value + "%"));
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const first = head.dataset.first || "descending";
      const order = head.getAttribute("aria-sort") === first ? { ascending: "descending", descending: "ascending" }[first] : first;
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      const key = row => row.cells[column].dataset.sort;
      const compare = (a, b) => (column ? a - b : a.localeCompare(b)) * (order === "ascending" ? 1 : -1);
      // Rows without a value stay at the end in either order.
      const rows = [...table.tBodies[0].rows].sort((a, b) => (key(a) === "") - (key(b) === "") || (key(a) === "" ? 0 : compare(key(a), key(b))));
      table.tBodies[0].append(...rows);
    });
  });
}
const group = document.getElementById("group");
if (group) {
  group.closest(".filter").hidden = false;
  group.addEventListener("change", () => {
    for (const row of document.querySelectorAll("tr[data-group]")) row.hidden = group.value !== "" && row.dataset.group !== group.value;
  });
}
// A link to what is folded opens it.
const unfold = () => { const target = document.getElementById(location.hash.slice(1)); if (target && target.tagName === "DETAILS") target.open = true; };
addEventListener("hashchange", unfold);
unfold();
