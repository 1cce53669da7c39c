// The page is whole without this; with it, it looks again by itself while nobody is reading a body.
setInterval(() => {
  if (!document.hidden && !document.querySelector("details[open]")) location.reload();
}, 5000);
