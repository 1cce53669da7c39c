{
  // Parts of a page that change by themselves (data-live): their text is read again every two seconds while the page is seen,
  // until the hub sends it without that mark.
  const tick = async () => {
    const live = document.querySelectorAll("[data-live][id]");
    if (!live.length) return;
    if (!document.hidden) {
      try {
        const answer = await fetch(location.href, { headers: { accept: "text/html" } });
        if (answer.ok && !answer.redirected) {
          const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
          for (const part of live) {
            const now = fresh.getElementById(part.id);
            if (now && !part.contains(document.activeElement)) part.replaceWith(document.adoptNode(now));
          }
        }
      } catch { /* The hub is away: the next tick tries again. */ }
    }
    setTimeout(tick, 2000);
  };
  setTimeout(tick, 2000);
}
{
  // The numbers beside an edited text follow its lines. What is at fault is marked by the hub.
  for (const text of document.querySelectorAll(".editor > textarea")) {
    const gutter = text.previousElementSibling;
    text.addEventListener("input", () => {
      const lines = text.value.split("\n").length;
      text.rows = lines;
      while (gutter.children.length < lines) gutter.append(document.createElement("li"));
      while (gutter.children.length > lines) gutter.lastElementChild.remove();
    });
  }
}
