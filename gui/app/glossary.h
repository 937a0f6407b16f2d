#pragma once

#include <QString>
#include <vector>

namespace headroom::gui {

/// A term and what it means.
struct Term {
    QString name{};
    QString meaning{};
};

/// Every word that the window uses for something of its own: categories of memory, settings,
/// figures.
std::vector<Term> glossary();
/// The term that a widget's name means; empty meaning: none.
Term term_named(const QString& name);

}  // namespace headroom::gui
