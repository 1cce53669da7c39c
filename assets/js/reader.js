// Tells the hub the reader's time zone, for the times of the next page, and keeps what was typed in this tab until it was
// sent. Pages work without this.
{
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) document.cookie = `__Host-countersign-zone=${encodeURIComponent(zone)}; Path=/; Max-Age=31536000; Secure; SameSite=Lax`;
}
{
  // Fields that a form marks with data-keep. The key names page and field; a secret is never marked.
  const key = (field) => `typed ${location.pathname} ${field.form?.getAttribute("action") ?? ""} ${field.name}`;
  for (const field of document.querySelectorAll("[data-keep]")) {
    const typed = sessionStorage.getItem(key(field));
    if (typed !== null && field.value === field.defaultValue) field.value = typed;
    field.addEventListener("input", () => sessionStorage.setItem(key(field), field.value));
    field.form?.addEventListener("submit", () => sessionStorage.removeItem(key(field)));
  }
}
