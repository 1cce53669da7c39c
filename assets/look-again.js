// Reloads the page every five seconds, unless the reader has opened a body, scrolled down, or followed an anchor ("Hold still").
// The page is complete without this script.
setInterval(() => {
  if (!document.hidden && !location.hash && scrollY < 200 && !document.querySelector("details[open]")) location.reload();
}, 5000);
