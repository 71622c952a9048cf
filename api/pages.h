/*
 * The files of api/pages/, compiled in as they are (cmake/EmbedFile.cmake): x.html is
 * api_page_x_html, dashboard/x.js is api_dashboard_x_js.
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

extern const unsigned char api_dashboard_index_html[];
extern const size_t api_dashboard_index_html_size;
extern const unsigned char api_dashboard_style_css[];
extern const size_t api_dashboard_style_css_size;
extern const unsigned char api_dashboard_icon_svg[];
extern const size_t api_dashboard_icon_svg_size;
extern const unsigned char api_dashboard_main_js[];
extern const size_t api_dashboard_main_js_size;
extern const unsigned char api_dashboard_dom_js[];
extern const size_t api_dashboard_dom_js_size;
extern const unsigned char api_dashboard_api_js[];
extern const size_t api_dashboard_api_js_size;
extern const unsigned char api_dashboard_activity_js[];
extern const size_t api_dashboard_activity_js_size;
extern const unsigned char api_dashboard_send_js[];
extern const size_t api_dashboard_send_js_size;
extern const unsigned char api_dashboard_templates_js[];
extern const size_t api_dashboard_templates_js_size;
extern const unsigned char api_dashboard_dead_letters_js[];
extern const size_t api_dashboard_dead_letters_js_size;
extern const unsigned char api_dashboard_keys_js[];
extern const size_t api_dashboard_keys_js_size;
extern const unsigned char api_dashboard_webhooks_js[];
extern const size_t api_dashboard_webhooks_js_size;

#endif
