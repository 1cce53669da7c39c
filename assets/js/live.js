// Keeps the number of waiting requests up to date, on each page of a person who signed in. One tab of the browser listens for all
// of them. Other modules are told by events of the document: "countersign:changed" with a request's id, status and revision;
// "countersign:look" when something may be new, which a module that reads the page itself cancels; "countersign:signed-out". They
// say how many wait with "countersign:count".
{
  const inbox = document.querySelector('.top nav a[href="/"]');
  const channel = "BroadcastChannel" in window ? new BroadcastChannel("countersign") : null;
  const title = document.title.replace(/^\(\d+\+?\) /, "");

  const show = (count, more) => {
    const text = `${count}${more ? "+" : ""}`;
    inbox.querySelector(".count")?.remove();
    if (count > 0) {
      const mark = Object.assign(document.createElement("span"), { className: "count", textContent: text });
      mark.append(Object.assign(document.createElement("span"), { className: "vh", textContent: " waiting" }));
      inbox.append(" ", mark);
    }
    document.title = count > 0 ? `(${text}) ${title}` : title;
    const icon = document.querySelector('link[rel="icon"]');
    if (icon) icon.href = `/assets/icon-${more ? 100 : count}.svg`;
  };

  const ask = async () => {
    const answer = await fetch("/v1/inbox?limit=1");
    if (!answer.ok) return;
    const { waiting } = await answer.json();
    show(waiting.count, waiting.more);
  };

  // Many changes in a row are one look.
  let looking = null;
  const look = () => {
    if (looking) return;
    looking = setTimeout(() => {
      looking = null;
      if (document.dispatchEvent(new CustomEvent("countersign:look", { cancelable: true }))) ask().catch(() => {});
    }, 60 + Math.random() * 60);
  };

  const heard = (message) => {
    if (message.name === "request") document.dispatchEvent(new CustomEvent("countersign:changed", { detail: message.data }));
    if (message.name === "end") document.dispatchEvent(new CustomEvent("countersign:signed-out"));
    else look();
  };
  const tell = (name, data) => {
    heard({ name, data });
    channel?.postMessage({ name, data });
  };

  let pause = 5000;
  const listen = () => {
    const source = new EventSource("/live");
    let isOver = false;
    source.addEventListener("open", () => { pause = 5000; });
    source.addEventListener("open", () => tell("open", {}), { once: true });
    source.addEventListener("request", (event) => tell("request", JSON.parse(event.data)));
    source.addEventListener("end", () => { isOver = true; tell("end", {}); });
    source.addEventListener("error", () => {
      if (source.readyState !== EventSource.CLOSED) return;
      // The browser has given up. After a sign-in in another tab, it goes on.
      setTimeout(listen, isOver ? 60000 : pause);
      pause = Math.min(pause * 2, 60000);
    });
  };

  if (inbox) {
    document.addEventListener("countersign:count", ({ detail }) => show(detail.count, detail.more));
    if (channel) channel.addEventListener("message", ({ data }) => heard(data));
    const lead = () => new Promise(listen);
    if (navigator.locks && channel) navigator.locks.request("countersign live", lead);
    else lead();
    document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  }
}
