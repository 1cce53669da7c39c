// On the page to ask: says while one types what would happen. The form works without this: its buttons do the same.
{
  const form = document.querySelector("form[data-check]");
  const place = document.getElementById("would");
  if (form && place) {
    const choose = form.querySelector("[value=choose]");
    let timer, call, shown;

    const say = (text) => {
      const note = document.createElement("p");
      note.className = "note";
      note.textContent = text;
      place.replaceChildren(note);
    };

    const check = async () => {
      const body = new URLSearchParams(new FormData(form));
      if (!body.get("resource") || (!body.get("command").trim() && body.get("kind") === "action")) return;
      if (body.toString() === shown) return;
      shown = body.toString();
      call?.abort();
      call = new AbortController();
      const late = setTimeout(() => place.classList.add("late"), 400);
      try {
        const answer = await fetch(form.dataset.check, { method: "POST", body, signal: call.signal });
        if (answer.ok) {
          const part = new DOMParser().parseFromString(await answer.text(), "text/html");
          place.replaceChildren(...part.body.childNodes);
        } else if (answer.status === 401 || answer.status === 403) {
          say("You are signed out. What you typed stays: sign in in another tab, and go on here.");
        } else {
          say("What would happen cannot be said now. You can still ask.");
        }
      } catch (error) {
        if (error.name !== "AbortError") say("The hub does not answer. What you typed stays.");
      } finally {
        clearTimeout(late);
        place.classList.remove("late");
      }
    };

    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(check, 600);
    });
    if (choose) {
      choose.closest(".choose").hidden = true;
      const resource = form.querySelector("[name=resource]");
      // The fields of the context are the hub's to say.
      resource.addEventListener("change", () => form.requestSubmit(choose));
    }
    check();
  }
}
