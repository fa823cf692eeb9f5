// Search on pages that are opened as files: a browser lets these start no worker and read no JSON, but load scripts.
// This stands in for the worker of search/main.js, and answers its messages alike.
if (location.protocol === 'file:') {
  window.Worker = class {
    postMessage(asked) {
      if (asked.init) {
        load('search/search_index.js', () => load('search/lunr.js', () => this.begin(searchIndex)));
      } else {
        const found = this.index.search(asked.query).map(({ref}) => this.pages.get(ref));
        this.onmessage({data: {results: found.map(page => ({...page, summary: page.text.substring(0, 200)}))}});
      }
    }

    begin({config, docs}) {
      lunr.tokenizer.separator = new RegExp(config.separator);
      this.pages = new Map(docs.map(page => [page.location, page]));
      this.index = lunr(function () {
        this.field('title');
        this.field('text');
        this.ref('location');
        docs.forEach(page => this.add(page));
      });
      this.onmessage({data: {config}});
      this.onmessage({data: {allowSearch: true}});
    }
  };

  function load(path, then) {
    const script = document.createElement('script');
    script.src = base_url.replace(/\/?$/, '/') + path;
    script.onload = then;
    document.head.append(script);
  }
}
