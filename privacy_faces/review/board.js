// One listener for all buttons of the board. After the server's answer the focus is where it was.
let pressed = null;
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-order]");
  if (!button) return;
  pressed = button.dataset.key;
  trigger("order", JSON.parse(button.dataset.order));
});
watch("value", () => {
  if (!pressed || (document.activeElement && document.activeElement !== document.body)) return;
  const again = [...element.querySelectorAll("[data-key]")].find((button) => button.dataset.key === pressed);
  if (again) again.focus({ preventScroll: true });
});
