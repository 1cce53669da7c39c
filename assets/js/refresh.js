// The page works without this script. The script reloads it every five seconds, unless the tab is
// hidden, the page is scrolled, a message body is open, or an anchor is set ("Pause refreshing").
setInterval(() => {
  if (!document.hidden && !location.hash && scrollY < 200 && !document.querySelector("details[open]")) location.reload();
}, 5000);
