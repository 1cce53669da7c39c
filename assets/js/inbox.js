// The inbox by single keys, with five seconds to take a vote back, and up to date. Without this, its forms and links do.
{
  const list = document.querySelector(".asks");
  const HOLD = 5000;
  const make = (tag, properties, ...content) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...content);
    return made;
  };
  const text = (element) => element.textContent.replace(/\s+/g, " ").trim();

  const start = () => {
    // Says each thing once to who listens; what is seen says it too.
    const status = make("p", { className: "vh", role: "status" });
    const notice = make("p", { className: "note", hidden: true });
    notice.setAttribute("role", "status");
    list.before(status, notice);
    const say = (words) => { status.textContent = words; };

    const rows = () => [...list.querySelectorAll(":scope > .ask:not(.gone):not([hidden])")];
    const current = () => list.querySelector(":scope > [aria-current]:not([hidden])");
    const select = (row, focuses = true) => {
      list.querySelector(":scope > [aria-current]")?.removeAttribute("aria-current");
      if (!row) return;
      row.setAttribute("aria-current", "true");
      if (!focuses) return;
      row.querySelector("h2").focus({ preventScroll: true });
      row.scrollIntoView({ block: "nearest" });
    };
    const step = (by) => {
      const all = rows();
      const place = all.indexOf(current());
      select(all[Math.min(Math.max(place + by, 0), all.length - 1)]);
    };
    list.addEventListener("focusin", (event) => {
      const row = event.target.closest(".ask");
      if (row && row !== current()) select(row, false);
    });

    // ── Votes ──
    const held = new Set();
    const problem = (row, words) => {
      row.querySelector(".vote-failed")?.remove();
      const note = make("p", { className: "note no vote-failed" }, make("span", {}, words));
      note.setAttribute("role", "alert");
      row.querySelector(".main").append(note);
    };
    const send = async (vote) => {
      clearTimeout(vote.timer);
      held.delete(vote);
      vote.end.remove();
      try {
        const answer = await fetch(vote.url, {
          method: "POST", keepalive: true, headers: { "content-type": "application/json" }, body: JSON.stringify(vote.body),
        });
        if (answer.ok) {
          vote.row.remove();
          return;
        }
        const { detail } = await answer.json().catch(() => ({}));
        throw new Error(answer.status === 401 ? "You were signed out: sign in again, and then vote." : detail ?? "The hub did not take it.");
      } catch (error) {
        const words = error instanceof TypeError ? "The hub cannot be reached. Nothing was decided." : error.message;
        restore(vote);
        problem(vote.row, `Your vote does not count: ${words}`);
      }
    };
    const restore = (vote) => {
      vote.shown.replaceWith(vote.row);
      vote.row.hidden = false;
    };
    const undo = (vote) => {
      clearTimeout(vote.timer);
      held.delete(vote);
      restore(vote);
      select(vote.row);
      say("Taken back. Nothing was sent.");
    };
    const hold = (form, choice, byPointer) => {
      const row = form.closest(".ask");
      const { revision, digest, reason } = form.elements;
      const said = choice === "approve" ? "Approved" : "Rejected";
      const what = row.querySelector(".code")?.textContent.trim().split("\n")[0] ?? "";
      const about = `${text(row.querySelector("h2"))}${what ? `: ${what.slice(0, 80)}` : ""}`;
      const button = make("button", { type: "button" }, "Undo ", make("kbd", {}, "u"));
      const end = make("span", { className: "end row" }, make("span", { className: "dim" }, "Sent in 5 s"), button);
      const shown = make("li", { className: "undo" }, make("span", { className: choice === "approve" ? "yes" : "no" }, said), make("span", {}, about), end);
      const vote = {
        row, shown, end, url: `/v1/requests/${row.id}/${choice}`,
        body: { revision: Number(revision.value), digest: digest.value, reason: reason?.value.trim() || null },
      };
      // What is under the pointer stays there.
      if (byPointer) shown.style.minHeight = `${row.offsetHeight}px`;
      const all = rows();
      const next = all[all.indexOf(row) + 1] ?? all[all.indexOf(row) - 1];
      row.before(shown);
      row.hidden = true;
      sessionStorage.removeItem(`typed ${location.pathname} ${form.getAttribute("action")} reason`);
      held.add(vote);
      vote.timer = setTimeout(send, HOLD, vote);
      button.addEventListener("click", () => undo(vote));
      select(next);
      say(`${said}: ${about}. Undo within five seconds.`);
    };
    list.addEventListener("submit", (event) => {
      const form = event.target;
      const choice = event.submitter?.value;
      if (!/\/vote$/.test(form.getAttribute("action")) || !["approve", "reject"].includes(choice)) return;
      event.preventDefault();
      hold(form, choice, event.submitter.matches(":hover"));
    });
    addEventListener("pagehide", () => [...held].forEach(send));

    // ── Open in place, reject ──
    const open = (row) => {
      const more = row.querySelector(":scope > .more");
      more.open = !more.open;
      const fold = row.querySelector(".fold");
      if (fold) fold.open = more.open;
    };
    const reject = (row) => {
      const more = row.querySelector(":scope > .more");
      more.open = true;
      more.querySelector("textarea").focus();
    };
    list.addEventListener("click", (event) => {
      const link = event.target.closest(".do a.no");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      reject(link.closest(".ask"));
    });
    const approve = (row) => {
      const end = [...row.querySelectorAll(".main .code")].at(-1)?.getBoundingClientRect().bottom ?? 0;
      if (end > innerHeight) {
        scrollBy({ top: innerHeight * 0.8 });
        return;
      }
      const button = row.querySelector('.do button[value="approve"]') ?? row.querySelector('.open button[value="approve"]');
      if (button) button.form.requestSubmit(button);
      else say("This one is decided on its own page: press Enter to open it.");
    };

    // ── Keys ──
    const keys = document.querySelector(".keys");
    if (keys) keys.hidden = false;
    const actions = {
      j: () => step(1), k: () => step(-1), o: open, a: approve, r: reject,
      e: (row) => { location.href = row.querySelector("a.change")?.href ?? row.querySelector("h2 a").href; },
      x: (row) => row.querySelector('input[name="take"]')?.click(),
      u: () => { const last = [...held].at(-1); if (last) undo(last); },
      "/": () => { location.href = "/requests"; },
      "?": () => document.getElementById("keys")?.togglePopover?.(),
    };
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
      if (event.key === "Escape" && event.target.closest?.(".asks textarea")) select(event.target.closest(".ask"));
      if (event.target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
      const isHeading = event.target.matches?.(".ask h2");
      const act = event.key === "Enter" && isHeading ? open : actions[event.key];
      if (!act) return;
      const row = current() ?? rows()[0];
      if (act.length > 0 && !row) return;
      event.preventDefault();
      if (act.length > 0 && row !== current()) select(row);
      act(row);
    });

    // ── Up to date ──
    const isBusy = (row) => row.hidden || row.contains(document.activeElement) || row.matches(":hover");
    const gone = (row, words) => {
      if (row.classList.contains("gone") || row.hidden) return;
      row.classList.add("gone");
      row.querySelectorAll("form, .do, .more, .take").forEach((part) => part.remove());
      row.querySelector(".main").append(make("p", { className: "note" }, make("span", {}, words)));
    };
    const WORDS = {
      approved: "Approved meanwhile.", rejected: "Rejected meanwhile.", expired: "It expired.", cancelled: "Taken back by its requester.",
      superseded: "Replaced by another request.",
    };
    document.addEventListener("countersign:changed", ({ detail }) => {
      const row = document.getElementById(detail.id)?.closest(".ask:not(.alike)");
      if (row && WORDS[detail.status]) gone(row, WORDS[detail.status]);
    });
    document.addEventListener("countersign:signed-out", () => {
      notice.replaceChildren("You were signed out. ", make("a", { href: "/sign-in?return=%2F" }, "Sign in again"));
      notice.hidden = false;
    });
    const refresh = async () => {
      const answer = await fetch(location.href);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const count = page.querySelector(".top .count")?.firstChild.textContent ?? "0";
      if (!page.querySelector(".top nav")) return;
      const detail = { count: Number.parseInt(count, 10), more: count.endsWith("+") };
      document.dispatchEvent(new CustomEvent("countersign:count", { detail }));
      const fresh = new Map([...page.querySelectorAll(".asks > .ask")].map((row) => [row.id, row]));
      for (const row of list.querySelectorAll(":scope > .ask:not(.gone)")) {
        const now = fresh.get(row.id);
        fresh.delete(row.id);
        // One that is not in the list may have moved to the next page.
        if (!now && page.querySelector('a[rel="next"]')) continue;
        if (!now) gone(row, "This no longer waits for you.");
        else if (now.querySelector(".main").innerHTML === row.querySelector(".main").innerHTML) continue;
        else if (!isBusy(row)) row.replaceWith(now);
        else if (now.dataset.digest !== row.dataset.digest) {
          row.querySelectorAll("button").forEach((button) => { button.disabled = true; });
          problem(row, "This request was changed while you looked at it. Reload the page to see it.");
        }
      }
      if (fresh.size === 0) return;
      const words = fresh.size === 1 ? "1 more came in while you were here. " : `${fresh.size} more came in while you were here. `;
      notice.replaceChildren(words, make("a", { href: location.pathname + location.search }, "Show them"));
      notice.hidden = false;
    };
    document.addEventListener("countersign:look", (event) => {
      event.preventDefault();
      refresh().catch(() => {});
    });
  };
  if (list) start();
}
