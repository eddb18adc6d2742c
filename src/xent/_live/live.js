// Keeps a page in step with its controls. Everything it shows comes from functions in `page`.

const ARROWS = { ArrowLeft: ['x', -1], ArrowRight: ['x', 1], ArrowDown: ['y', -1], ArrowUp: ['y', 1] };

function live(root, page) {
  const each = (selector, act) => root.querySelectorAll(selector).forEach(act);
  const copied = (state) => JSON.parse(JSON.stringify(state));
  let state = copied(page.state), values;

  // ---- state: numbers, and lists of numbers; in the address is what differs from the beginning
  const get = (path, from = state) => { const [name, i] = path.split('.'); return i === undefined ? from[name] : from[name][i] };
  const set = (path, value) => {
    const [name, i] = path.split('.');
    if (i === undefined) state[name] = value; else state[name][i] = value;
  };

  const exactly = (value) => Number(value.toFixed(10));  // 0.3, and not 0.30000000000000004

  function address() {
    const parts = Object.keys(state).filter((name) => String(state[name]) !== String(page.state[name]));
    const text = parts.map((name) => `${name}=${state[name]}`).join('&');
    history.replaceState(history.state, '', text ? `#${text}` : location.pathname + location.search);
  }

  function fromAddress() {
    if (location.hash && !location.hash.includes('=')) return;
    state = copied(page.state);
    for (const part of location.hash.slice(1).split('&')) {
      const [name, text = ''] = part.split('=').map(decodeURIComponent);
      const old = page.state[name];
      if (old === undefined) continue;
      const found = text ? text.split(',').map(Number) : [];
      const fits = found.every(Number.isFinite) && (page.lists.includes(name) || found.length === [old].flat().length);
      if (fits) state[name] = Array.isArray(old) ? found.slice(0, page.most) : found[0];
    }
    each('[data-set]', (control) => {  // a control holds its state within its limits
      set(control.dataset.set, held(control, get(control.dataset.set)));
    });
    address();  // what was not held is left out
  }

  function held(control, value) {
    if (control.type === 'radio') {  // one of its group, or what the page has at first
      const group = root.querySelectorAll(`[data-set="${control.dataset.set}"]`);
      return [...group].some((one) => Number(one.value) === value) ? value : get(control.dataset.set, page.state);
    }
    if (stops(control)) {
      setTo(control, value);
      return chosen(control);
    }
    return Math.min(Number(control.max), Math.max(Number(control.min), value));
  }

  // ---- a slider may stop at certain numbers only: then its own value counts them
  const stops = (control) => control.dataset.stops?.split(' ').map(Number);
  const chosen = (control) => stops(control)?.[control.value] ?? Number(control.value);
  function setTo(control, value) {
    const all = stops(control);
    control.value = all ? Math.max(0, all.findLastIndex((each) => each <= value)) : value;
    if (all) control.setAttribute('aria-valuetext', typeset(shown(chosen(control))));
  }

  // ---- what follows the state
  const kinds = {
    text: (element, [f]) => { element.textContent = typeset(f(values)) },
    role: (element, [f]) => { element.dataset.role = f(values) },
    number: (element, [f, digits]) => { element.textContent = typeset(shown(f(values), digits)) },
    fixed: (element, [f, digits]) => { element.textContent = typeset(fixed(f(values), digits)) },
    general: (element, [f, digits]) => { element.textContent = typeset(general(f(values), digits)) },
    literal: (element, [f, digits]) => { element.textContent = shown(f(values), digits) },  // in code
    word: (element, [f, words]) => { element.textContent = page.data[words][f(values)] },
    show: (element, [f]) => { element.toggleAttribute('hidden', !f(values)) },  // SVG has no .hidden
    place: (element, [attributes]) => {
      for (const [name, f] of Object.entries(attributes)) element.setAttribute(name, f(values).toFixed(2));
    },
    path: (element, [f]) => {
      element.setAttribute('d', f(values).map(([x, y], i) => `${i ? 'L' : 'M'}${x.toFixed(2)} ${y.toFixed(2)}`).join(''));
    },
    dots: (element, [f]) => {
      element.setAttribute('d', f(values).map(([x, y]) => `M${x.toFixed(2)} ${y.toFixed(2)}h0`).join(''));
    },
    line: (element, [line]) => {
      element.hidden = line.w && !line.w(values);
      if (element.hidden) return;
      if (line.t) element.dataset.true = line.t(values);
      const { formula, relation, text, value } = written(line, values);
      const parts = { formula, relation, value: typeset(text) };
      for (const part of element.querySelectorAll('[data-part]')) part.innerHTML = parts[part.dataset.part];
      element.querySelectorAll('[data-filled]').forEach((part) => { part.hidden = !formula });
      element.dataset.sign = value < 0 ? 'negative' : value > 0 ? 'positive' : 'zero';
    },
    said: (element, [f]) => { element.setAttribute('aria-valuetext', typeset(shown(f(values)))) },
    take: () => {},  // what the button sets is computed when it is pressed
  };

  function update() {
    const lengths = page.lists.map((name) => [`${name}_count`, state[name].length]);
    values = page.compute({ ...page.data, ...copied(state), ...Object.fromEntries(lengths) });
    each('[data-b]', (element) => {
      const [kind, ...more] = page.bound[element.dataset.b];
      kinds[kind](element, more);
    });
    each('[data-set]', (control) => {
      const value = get(control.dataset.set);
      if (control.type === 'radio') control.checked = Number(control.value) === value;
      else if (control.dataset.stops || Number(control.value) !== value) setTo(control, value);
    });
    each('[data-drag-x], [data-drag-y]', told);
    each('[data-needs]', (button) => { button.disabled = !state[button.dataset.needs].length });
    each('[data-title]', (heading) => { document.title = visible(heading) });
    tell();
    announce();
  }

  let waiting;
  function announce() {  // a screen reader hears the summary once the control rests
    clearTimeout(waiting);
    waiting = setTimeout(() => each('[data-say]', (region) => {
      const source = root.querySelector(region.dataset.say);
      const text = [...source.childNodes].map(visible).join('').replace(/\s+/g, ' ').trim();
      if (region.textContent !== text) region.textContent = text;
    }), 400);
  }
  const visible = (node) => node.hidden ? '' : node.childNodes.length ? [...node.childNodes].map(visible).join('') : node.textContent;

  function changed() { update(); address() }

  // ---- controls
  each('[data-set]', (control) => control.addEventListener('input', () => {
    set(control.dataset.set, chosen(control));
    changed();
  }));
  each('[data-preset]', (button) => button.addEventListener('click', () => {
    Object.assign(state, copied(JSON.parse(button.dataset.preset)));
    changed();
  }));
  each('[data-take]', (button) => button.addEventListener('click', () => {
    set(button.dataset.take, exactly(page.bound[button.dataset.b][1](values)));
    changed();
  }));
  each('[data-push]', (button) => button.addEventListener('click', () => {
    const [list, name, times] = button.dataset.push.split(':');
    const room = Math.min(Number(times), page.most - state[list].length);
    for (let i = 0; i < room; i++) state[list].push(values[name]);
    changed();
  }));
  each('[data-pop]', (button) => button.addEventListener('click', () => { state[button.dataset.pop].pop(); changed() }));
  each('[data-reset]', (button) => button.addEventListener('click', () => { state = copied(page.state); changed() }));

  // ---- points to drag, or to move by the arrow keys: data-drag-x="name low high step from to", in
  // pixels from and to; or a list is dragged, as bound[data-list] says: where the point is, and what
  // the list becomes when it is moved to `to`
  const ways = (point) => ['x', 'y'].filter((way) => point.dataset[`drag${way.toUpperCase()}`]).map((way) => {
    const [path, ...numbers] = point.dataset[`drag${way.toUpperCase()}`].split(' ');
    const [low, high, step, from, to] = numbers.map(Number);
    const [, now = () => get(path), moved] = page.bound[point.dataset.list] ?? [];
    return { way, path, low, high, step, from, to, now, moved };
  });
  function put({ path, low, high, step, moved }, value) {
    const rounded = low + Math.round((value - low) / step) * step;
    const to = exactly(Math.min(high, Math.max(low, rounded)));
    set(path, moved ? moved({ ...values, to }).map(exactly) : to);
  }
  function told(point) {
    const now = ways(point).map((one) => one.now(values));
    point.setAttribute('aria-valuenow', exactly(now[0]));
    point.setAttribute('aria-valuetext', now.map((each) => typeset(shown(each))).join(', '));
  }
  const placed = (svg, event) => new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  const moves = new Map();
  function nearest(point, event) {  // where handles overlap, the one whose middle is nearest is meant
    const place = placed(point.ownerSVGElement, event);
    const away = (other) => Math.hypot(other.getAttribute('cx') - place.x, other.getAttribute('cy') - place.y);
    return [...point.ownerSVGElement.querySelectorAll('.handle')].reduce((a, b) => away(b) < away(a) ? b : a, point);
  }
  each('[data-drag-x], [data-drag-y]', (point) => {
    const move = (event) => {
      const place = placed(point.ownerSVGElement, event);
      for (const one of ways(point)) {
        put(one, one.low + (place[one.way] - one.from) / (one.to - one.from) * (one.high - one.low));
      }
      changed();
    };
    moves.set(point, move);
    point.addEventListener('pointerdown', (event) => {
      const meant = nearest(point, event);
      meant.setPointerCapture(event.pointerId);
      meant.addEventListener('pointermove', moves.get(meant));
      event.preventDefault();
      meant.focus();
    });
    for (const end of ['pointerup', 'pointercancel']) {
      point.addEventListener(end, () => point.removeEventListener('pointermove', move));
    }
    point.addEventListener('keydown', (event) => {
      const [way, sign] = ARROWS[event.key] ?? [];
      if (!way) return;
      event.preventDefault();
      const all = ways(point), moved = all.find((one) => one.way === way) ?? all[0];
      put(moved, moved.now(values) + sign * moved.step * (event.shiftKey ? 10 : 1));
      changed();
    });
  });

  // ---- a bar or a point shows its formula where it is pointed at or has the focus
  let pointed = null;
  function tell() {
    if (!pointed) return;
    const stage = pointed.closest('.stage'), source = stage.querySelector(`[data-formula="${pointed.dataset.tell}"]`);
    stage.querySelectorAll('[data-told]').forEach((box) => { box.innerHTML = source.innerHTML });
  }
  each('[data-tell]', (mark) => {
    for (const event of ['focus', 'pointerenter']) {
      mark.addEventListener(event, () => { pointed = mark; tell() });
    }
  });

  // ---- code to copy, and guesses
  each('[data-copy]', (button) => button.addEventListener('click', async () => {
    const code = [...button.parentElement.querySelector('code').childNodes].map(visible).join('');
    await navigator.clipboard.writeText(code);
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = button.dataset.copy }, 2000);
  }));
  each('.guess button', (button) => button.addEventListener('click', () => {
    const guess = button.closest('.guess');
    guess.querySelectorAll('button').forEach((other) => other.setAttribute('aria-pressed', other === button));
    guess.dataset.guessed = button.dataset.guess;
    guess.querySelector('details').open = true;
  }));

  window.addEventListener('hashchange', () => { fromAddress(); update() });
  fromAddress();
  root.classList.add('moves');
  update();
}
