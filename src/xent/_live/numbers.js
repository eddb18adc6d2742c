// Numbers as text, as `xent._format` writes them, and exact decimal arithmetic for the sign "=".

/** The shortest digits that give the number back, and where the point stands, as Python has them. */
function whole(value) {
  const [, sign, digits, more, power] = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(value.toExponential());
  const exponent = Number(power), all = digits + (more ?? '');
  if (exponent < -4 || exponent >= 16) return sign + digits + (more ? `.${more}` : '') + scale(exponent);
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${all}`;
  const filled = all.padEnd(exponent + 1, '0'), rest = filled.slice(exponent + 1);
  return sign + filled.slice(0, exponent + 1) + (rest && `.${rest}`);
}

const scale = (power) => `e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;

/** Half to even, as Python rounds: JavaScript rounds exact halves up. */
function halved(text, longer) {
  const tie = /^50*$/.test(longer.replace(/e.*/, '').slice(text.replace(/e.*/, '').length).replace('.', ''));
  const [, mantissa, rest] = /^([^e]*)(.*)$/.exec(text);
  return tie && Number(mantissa.at(-1)) % 2 ? longer.slice(0, mantissa.length) + rest : text;
}

function fixed(value, places) {
  return halved(value.toFixed(places), value.toFixed(Math.min(100, places + 40)));
}

function scientific(value, places) {
  const text = value.toExponential(places), longer = value.toExponential(Math.min(100, places + 40));
  const [mantissa, power] = halved(text, longer).split('e');
  return mantissa + scale(Number(power));
}

/** `xent._format.shown`. */
function shown(value, digits = 4, trim = true) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value < 0 ? '-inf' : 'inf';
  value += 0;
  const size = Math.abs(value);
  let text;
  if (value === 0 || (size >= 1e-3 && size < 1e6)) {
    let places = digits;
    if (size < 1 && size >= 1 - 10 ** -digits / 2) places = Math.max(digits - 2 - Math.floor(Math.log10(1 - size)), 0);
    text = fixed(value === 0 ? 0 : value, places);
  } else {
    text = scientific(value, digits);
  }
  const full = value === 0 ? '0' : whole(value);
  return trim && read(text) === value && full.length <= text.length ? full : text;
}

/** As pages show it, with the true minus. */
const typeset = (text) => text.replaceAll('-', '−');

const read = (text) => ({ inf: Infinity, '-inf': -Infinity, nan: NaN })[text] ?? Number(text);

/** Exact values: fractions [top, bottom], or infinities; null where e^x or log x is not exact. */
const exact = {
  zero: [0n, 1n],
  read(text) {
    if (!Number.isFinite(Number(text))) return read(text);
    const [mantissa, power = '0'] = text.split('e'), [front, back = ''] = mantissa.split('.');
    const places = Number(power) - back.length, digits = BigInt(front + back);
    return places < 0 ? [digits, 10n ** BigInt(-places)] : [digits * 10n ** BigInt(places), 1n];
  },
  same: (a, b) => typeof a === 'number' || typeof b === 'number' ? a === b
    : a !== null && b !== null && a[0] * b[1] === b[0] * a[1],
  is: (a, whole) => typeof a === 'object' && exact.same(a, [BigInt(whole), 1n]),
  known(a, b) {
    if (typeof a === 'number' || typeof b === 'number') return false;
    return a !== null && b !== null;
  },
  plus(a, b) {
    if ((typeof a === 'number') !== (typeof b === 'number')) return typeof a === 'number' ? a : b;
    return exact.known(a, b) ? [a[0] * b[1] + b[0] * a[1], a[1] * b[1]] : null;
  },
  minus: (a, b) => exact.plus(a, b === null ? null : typeof b === 'number' ? -b : [-b[0], b[1]]),
  times: (a, b) => exact.known(a, b) ? [a[0] * b[0], a[1] * b[1]] : null,
  over: (a, b) => exact.known(a, b) && b[0] !== 0n ? [a[0] * b[1], a[1] * b[0]] : null,
  exp: (a) => exact.is(a, 0) ? [1n, 1n] : a === -Infinity ? exact.zero : null,
  log: (a) => exact.is(a, 1) ? exact.zero : exact.is(a, 0) ? -Infinity : null,
  log1p: (a) => exact.is(a, 0) ? exact.zero : null,
  bits: (a) => exact.is(a, 0) || a === Infinity ? a : null,
};

/** The double nearest to a decimal fraction. */
function nearest(value) {
  return typeof value === 'number' ? value : Number(`${value[0]}e-${String(value[1]).length - 1}`);
}

/** What the number is worth as it is shown. */
const rounded = (value, digits) => read(shown(value, digits, false));
const placed = (value, places) => Number(fixed(value, places));

/** To so many significant digits, as Python's format "g" has it. */
function general(value, digits) {
  if (!Number.isFinite(value)) return shown(value);
  const [mantissa, power] = scientific(value, digits - 1).split('e'), exponent = Number(power);
  const cut = (text) => text.includes('.') ? text.replace(/\.?0+$/, '') : text;
  return exponent < -4 || exponent >= digits ? cut(mantissa) + scale(exponent) : cut(fixed(value, digits - 1 - exponent));
}

const FULL = 20;

/** With the digits, four or more, in which another number differs. */
function apart(value, other) {
  let digits = 4;
  while (digits < FULL && shown(value, digits) === shown(other, digits)) digits++;
  return shown(value, digits);
}

/** The texts of a line for these values: its numbers put into the formula, the sign, the value. */
function written(line, v) {
  const value = line.y(v), digits = line.d, text = shown(value, digits), wanted = shown(value, digits, false);
  let texts = null, put = false;
  const gives = (found) => shown(line.n(found.map(read)), digits, false) === wanted;
  if (line.f) {
    const operands = line.x(v);
    for (let places = Math.max(digits, 4); places <= FULL && !put; places++) {
      texts = operands.map((each) => shown(each, places));
      put = gives(texts);
    }
    if (!put) texts = null;
  }
  let rounded = line.r(v);
  if (rounded === null) {
    const full = texts && line.x(v).map((each) => shown(each, FULL));
    rounded = !texts || (Number.isFinite(value) && full.some((each, i) => each !== texts[i]));
  }
  const bracketed = (text, least) => typeset(text.startsWith('-') && least > 1 ? `(${text})` : text);
  const formula = texts && line.f(
    (i, least) => bracketed(texts[i], least),
    (i, least) => texts[i].startsWith('-') ? typeset(texts[i].slice(1)) : bracketed(`-${texts[i]}`, least),
  );
  const equal = !rounded && read(text) === value
    && (!texts || exact.same(line.q(texts.map(exact.read)), exact.read(text)));
  return { formula: formula ?? '', relation: equal ? '=' : '≈', text, value };
}
