// The page is whole without this; with it, it looks again by itself while nobody reads a body, further down, or an anchor ("Hold still").
setInterval(() => {
  if (!document.hidden && !location.hash && scrollY < 200 && !document.querySelector("details[open]")) location.reload();
}, 5000);
