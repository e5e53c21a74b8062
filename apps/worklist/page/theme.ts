/** Before the first paint: the theme that the reader chose; without a choice the system's. A classic script. */
document.documentElement.dataset['theme'] =
  localStorage.getItem('ichor-theme') ?? (matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark');
