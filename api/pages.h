/*
 * The files of api/pages/, compiled in as they are (cmake/EmbedFile.cmake): x.html is
 * api_page_x_html.
 */
#ifndef API_PAGES_H
#define API_PAGES_H

#include <stddef.h>

extern const unsigned char api_page_docs_html[];
extern const size_t api_page_docs_html_size;
extern const unsigned char api_page_docs_css[];
extern const size_t api_page_docs_css_size;
extern const unsigned char api_page_docs_js[];
extern const size_t api_page_docs_js_size;

#endif
