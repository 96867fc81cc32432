// Sets the theme before the first paint; an own file, because the page allows no inline script.
(function () {
  var wish = null;
  try {
    wish = localStorage.getItem("easyflow.theme");
  } catch {
    // A browser that keeps nothing follows the system.
  }
  var dark = wish === "dark" || (wish !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
