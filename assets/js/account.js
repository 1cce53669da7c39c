// On the account page: whether single keys work, kept in this browser. Other scripts read it before they listen to keys.
{
  const part = document.querySelector("[data-keys]");
  const box = document.getElementById("keys");
  if (part && box) {
    part.hidden = false;
    box.checked = localStorage.getItem("countersign-keys") !== "off";
    box.addEventListener("change", () => {
      if (box.checked) localStorage.removeItem("countersign-keys");
      else localStorage.setItem("countersign-keys", "off");
    });
  }
}
