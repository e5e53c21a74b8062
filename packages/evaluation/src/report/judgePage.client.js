// Runs in the reader's browser: keeps the verdicts, counts them, gives them as CSV.
(() => {
  const verdicts = ['correct', 'partly', 'wrong'];
  const figures = [...document.querySelectorAll('.figures figure')];
  const key = `ichor-verdicts-${document.body.dataset.set}`;
  const kept = read();

  function read() {
    try {
      return JSON.parse(localStorage.getItem(key)) ?? {};
    } catch {
      return {};
    }
  }
  function keep() {
    try {
      localStorage.setItem(key, JSON.stringify(kept));
    } catch {
      // A browser that keeps nothing for files still counts, and saves as CSV.
    }
  }

  function show(figure) {
    const verdict = kept[figure.dataset.instance];
    for (const input of figure.querySelectorAll('input')) input.checked = input.value === verdict;
  }

  function count() {
    const names = [...new Set(figures.map(({ dataset }) => dataset.finding))].sort();
    const rows = [...names.map((name) => [name, figures.filter(({ dataset }) => dataset.finding === name)]), ['all', figures]];
    document.querySelector('.tally tbody').replaceChildren(...rows.map(row));
  }

  function row([name, own]) {
    const line = document.createElement('tr');
    const judged = own.filter(({ dataset }) => kept[dataset.instance] !== undefined).length;
    const cells = verdicts.map((verdict) => {
      const found = own.filter(({ dataset }) => kept[dataset.instance] === verdict).length;
      return judged === 0 ? '0' : `${found} (${Math.round((100 * found) / judged)} %)`;
    });
    for (const text of [name, ...cells, own.length - judged]) line.append(Object.assign(document.createElement('td'), { textContent: text }));
    return line;
  }

  function judge(figure, verdict) {
    kept[figure.dataset.instance] = verdict;
    keep();
    show(figure);
    count();
  }

  let current = 0;
  function goTo(index) {
    figures[current]?.classList.remove('current');
    current = Math.max(0, Math.min(figures.length - 1, index));
    figures[current]?.classList.add('current');
    figures[current]?.scrollIntoView({ block: 'center' });
  }

  for (const [index, figure] of figures.entries()) {
    show(figure);
    figure.addEventListener('change', ({ target }) => judge(figure, target.value));
    figure.addEventListener('pointerdown', () => {
      figures[current].classList.remove('current');
      current = index;
      figure.classList.add('current');
    });
  }
  document.addEventListener('keydown', (event) => {
    if (event.target.id === 'reader' || event.ctrlKey || event.metaKey || event.altKey) return;
    const verdict = verdicts[Number(event.key) - 1];
    if (verdict === undefined || figures.length === 0) return;
    judge(figures[current], verdict);
    goTo(current + 1);
  });

  function csv() {
    const reader = document.querySelector('#reader').value;
    const lines = figures.map(({ dataset }) =>
      [reader, dataset.study, dataset.instance, dataset.slice, dataset.finding, dataset.score, kept[dataset.instance] ?? ''].map(quoted).join(','),
    );
    return ['reader,StudyInstanceUID,SOPInstanceUID,slice,map,score,verdict', ...lines, ''].join('\r\n');
  }
  const quoted = (text) => `"${text.replaceAll('"', '""')}"`;
  document.querySelector('#save').addEventListener('click', () => {
    const link = document.createElement('a');
    link.href = `data:text/csv;charset=utf-8,${encodeURIComponent(csv())}`;
    link.download = 'heat-map-verdicts.csv';
    link.click();
  });

  count();
  figures[0]?.classList.add('current');
})();
