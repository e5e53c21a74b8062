import { expect, test } from '@jest/globals';
import { chart } from './chart.ts';
import { html } from './html.ts';

test('text is escaped, HTML is kept, nothing is nothing, and lists are joined', () => {
  const name = `<b onload="x('y')">&`;
  expect(html`<p>${name}</p>`.html).toBe('<p>&lt;b onload=&quot;x(&#39;y&#39;)&quot;&gt;&amp;</p>');
  expect(html`${[html`<i>${1}</i>`, null, false, ['<', 2]]}`.html).toBe('<i>1</i>&lt;2');
});

test('a chart puts the unit square upright: (0, 0) lies left and below, (1, 1) right and above', () => {
  const { html: svg } = chart({
    description: 'a "test"',
    xLabel: 'x',
    yLabel: 'y',
    layers: [
      {
        kind: 'line',
        ink: 'sequence',
        points: [
          [0, 0],
          [1, 1],
        ],
      },
    ],
  });
  expect(svg).toContain('aria-label="a &quot;test&quot;"');
  const [fromX, fromY, toX, toY] = /class="line sequence" d="M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)"/
    .exec(svg)!
    .slice(1)
    .map(Number);
  expect([toX! - fromX!, fromY! - toY!]).toEqual([260, 260]);
});
