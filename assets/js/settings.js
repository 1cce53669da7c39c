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
