// Values reach the kernel in the order they were set. Browsers send over several connections, and of
// two values on their way at once the older may arrive last, and stay.
const send = window.fetch.bind(window);
let before = Promise.resolve();

window.fetch = (target, options) => {
  if (!/\/set_(ui_element|model)_value$/.test(target.url ?? target)) return send(target, options);
  const sent = before.then(() => send(target, options));
  before = sent.catch(() => {});
  return sent;
};
