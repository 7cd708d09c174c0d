/* Copy buttons: <button data-copy="the text">. Says so in its own words for two seconds; without the clipboard's permission the text is selected instead. */
"use strict";
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const word = button.dataset.word || (button.dataset.word = button.textContent);
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  } catch {
    const shown = document.getElementById(button.dataset.of || "");
    if (shown) window.getSelection().selectAllChildren(shown);
    button.textContent = "Selected";
  }
  window.setTimeout(() => { button.textContent = word; }, 2000);
});
