// One listener for all buttons of the board. After the server's answer the focus is where it was.
let pressed = null;
let looking = false;
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-order]");
  if (!button) return;
  pressed = button.dataset.key;
  looking = pressed.startsWith("show ");
  trigger("order", JSON.parse(button.dataset.order));
});
watch("value", () => {
  // On a narrow screen the preview stands below the photos.
  const side = document.querySelector(".pf-side");
  if (looking && side.getBoundingClientRect().top > window.innerHeight) side.scrollIntoView();
  looking = false;
  if (!pressed || (document.activeElement && document.activeElement !== document.body)) return;
  const again = [...element.querySelectorAll("[data-key]")].find((button) => button.dataset.key === pressed);
  if (again) again.focus({ preventScroll: true });
});
