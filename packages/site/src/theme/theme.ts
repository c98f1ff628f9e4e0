/** The look of the site: that of VitePress, with diagrams. */

import type { Theme } from 'vitepress';
import DefaultTheme from 'vitepress/theme';
import { addDiagram, followTheme, removeDiagram } from './diagrams.ts';
import './diagrams.css';

export default {
  extends: DefaultTheme,
  enhanceApp({ app }) {
    // `fence` of the configuration writes the elements with this directive.
    app.directive<HTMLElement>('diagram', { mounted: addDiagram, unmounted: removeDiagram });
    // Pages are also rendered by the build, without a document.
    if (typeof document !== 'undefined') followTheme();
  },
} satisfies Theme;
